//! The program `fsync-mount`.

fn main() -> std::process::ExitCode {
    fsync::cli::start::<fsync_mount::Mount>()
}
