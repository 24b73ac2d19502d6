//! `fsync-review`.

fn main() -> std::process::ExitCode {
    fsync::cli::start::<fsync_review::Args>()
}
