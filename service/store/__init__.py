"""The only package that uses Redis: keys, scripts, and the verbs that change a job."""
