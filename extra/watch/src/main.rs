//! The program `fsync-watch`.

fn main() -> std::process::ExitCode {
    fsync::cli::start::<fsync_watch::Watch>()
}
