"""What a tenant may submit to make the commands slow."""
