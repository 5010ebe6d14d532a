"""Pictures that come from outside: stills, films, cameras."""
