//! derive macro
