"""A plan on paper: PDF/A of what was released for somebody, drawn from the templates of the screens for crews."""
