"""Reports: views turn costs into a Report of plain values, renderers turn a Report into text."""
