// Nothing: the targets that own a precompiled header need a source file.
