"""The only room that knows Redis: keys, scripts, and the verbs that change a job."""
