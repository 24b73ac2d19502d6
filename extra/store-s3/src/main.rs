//! The program `fsync-store-s3`, also as `fsync-store-gs` and `fsync-store-az`.

fn main() -> std::process::ExitCode {
    fsync_store_s3::start()
}
