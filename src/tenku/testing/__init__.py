"""Public fakes and conformance suites, for tests and for those who write a backend of their own."""
