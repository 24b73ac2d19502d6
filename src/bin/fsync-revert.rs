//! `fsync-revert`.

fn main() -> std::process::ExitCode {
    fsync::cli::start::<fsync::cli::revert::Args>()
}
