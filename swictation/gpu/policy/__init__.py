"""The rules one by one: levels, breaker, admission. Pure: no device, no clock, no thread."""
