"""The pages: for reviewers, and for whoever decides by what they said."""
