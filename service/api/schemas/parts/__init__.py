"""Parts of schemas: fields, parameters, parts of a job, items that stay text."""
