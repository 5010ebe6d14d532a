"""Pictures that come from outside: stills and films."""
