"""POST, PUT, PATCH and DELETE, with schema and admission checks."""
