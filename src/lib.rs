//! gepard
