"""What a report is made from: runs, their data, intervals, differences, published numbers."""
