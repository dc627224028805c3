"""From a name to what releases a thing: the built-in releasers and those of plugins, each loaded when it is needed."""
