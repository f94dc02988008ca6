"""The figures of the house: what its rules can be measured by, over the syntax tree."""
