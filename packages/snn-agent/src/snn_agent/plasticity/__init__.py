"""Who is born and who dies: rules that propose edits of the structure. They change nothing themselves."""
