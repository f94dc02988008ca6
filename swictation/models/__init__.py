"""The models the embedded engine needs: known by name, checked by hash, kept in one folder each."""
