"""What labels say about the judge and about a candidate: estimates whose intervals fit how the items were drawn."""
