//! porcelain
