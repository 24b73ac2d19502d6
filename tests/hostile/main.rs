//! What strangers may give: zip files, packs and archives in the repository, names, marks, repositories of others.
//! Nothing outside the root is written, whatever it is; it takes no more memory and time than is said here.

#[allow(dead_code, unused_imports)]
#[path = "../suite/support/mod.rs"]
mod support;

mod driver;
mod mark;
mod name;
mod pack;
mod place;
mod zip;
