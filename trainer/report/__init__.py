"""From runs to a report: tables, figures and one page."""
