//! Callimico.
