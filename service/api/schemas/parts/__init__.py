"""Parts of schemas: fields, parameters, parts of a job, and raw items."""
