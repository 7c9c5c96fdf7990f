"""What groupcalc can tell of an operator, a metric, an architecture, and one layer."""
