//! `fsync-apply`.

fn main() -> std::process::ExitCode {
    fsync::cli::start::<fsync::cli::apply::Args>()
}
