//! Why a content's stream failed: the stream itself can only say so as an I/O error.

use std::io;

use crate::model::{Error, ErrorKind};

/// The failure to read what is stored of `name`: damage, unless the system refused.
pub fn of(name: &[u8], error: io::Error) -> Error {
    let inner = error.get_ref().and_then(|e| e.downcast_ref::<Error>());
    let kind = match (inner, error.raw_os_error()) {
        (Some(inner), _) => inner.kind(),
        (None, Some(_)) => ErrorKind::Failed,
        (None, None) => ErrorKind::Damaged,
    };
    Error::io("cannot read", name, error).as_kind(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_refuses_is_no_damage() {
        let kind = |e| of(b"x", e).kind();
        assert_eq!(kind(io::Error::from_raw_os_error(5)), ErrorKind::Failed);
        assert_eq!(kind(io::Error::other("corrupt")), ErrorKind::Damaged);
        let inner = Error::new(ErrorKind::Failed, "no");
        assert_eq!(kind(io::Error::other(inner)), ErrorKind::Failed);
    }
}
