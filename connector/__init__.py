"""The Exact Online connector; start reading at usecases/."""
