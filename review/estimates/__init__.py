"""What people's labels say of the judge, of the candidate, and of people themselves."""
