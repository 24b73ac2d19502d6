//! Memory that runs out ends a program with one line and exit code 9. The standard library would abort, and name
//! neither program nor next step; its hook for saying more is not stable.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::IoSlice;
use std::sync::OnceLock;

use signal_hook::low_level::exit;

use crate::model::Exit;

/// The program's name, once it is known.
pub(super) static NAME: OnceLock<&'static str> = OnceLock::new();

#[global_allocator]
static MEMORY: Memory = Memory;

/// The system's allocator, which is asked once and never says no.
struct Memory;

// SAFETY: every call goes to the system's allocator as it came; the only other thing that happens is that the process
// ends.
unsafe impl GlobalAlloc for Memory {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are the same.
        granted(unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        granted(unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        granted(unsafe { System.realloc(at, layout, size) })
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }
}

fn granted(at: *mut u8) -> *mut u8 {
    if at.is_null() {
        run_out();
    }
    at
}

/// Says so and ends, without asking for memory.
#[cold]
pub(super) fn run_out() -> ! {
    let name = NAME.get().copied().unwrap_or("fsync");
    let rest = ": there is not enough memory, so it stopped here; nothing that was recorded is lost, \
                and the next run goes on\n";
    let line = [IoSlice::new(name.as_bytes()), IoSlice::new(rest.as_bytes())];
    // Nobody is left to be told that stderr is closed.
    let _ = rustix::io::writev(rustix::stdio::stderr(), &line);
    exit(Exit::Failed.code().into())
}
