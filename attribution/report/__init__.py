"""What a reader sees: claims, tables, figures, pages, run folders."""
