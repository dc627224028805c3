"""The other inits that this program can be: under the name of one it takes its flags and behaves as its manual says."""
