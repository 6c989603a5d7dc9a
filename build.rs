//! Gives the shared library its name: without one, a program linked by the library's path would
//! look for it at that very path. The name has no version: the library lives in a directory of its
//! own, and `foresight_abi_version()` tells one from another.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libpve_foresight.so");
}
