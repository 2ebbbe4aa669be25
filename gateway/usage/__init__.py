"""What requests used and cost: prices as dated facts, one row per request, reports."""
