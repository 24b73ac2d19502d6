//! Takes the terminal and fails, for a test of how the terminal is left then.

fn main() {
    let _screen = fsync_review::screen::Screen::open();
    panic!("on purpose");
}
