fn main() {
    // The memory of the board comes with the library that knows the board.
    println!("cargo:rustc-link-arg=-Tlink.x");
}
