"""The agent: it runs in front of a program in any language and ends it well."""
