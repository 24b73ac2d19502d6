//! The threads that work is spread over. As many as there are processors, or as many as the system gives: rayon by
//! itself would panic, when work first comes, if one is refused.

use std::io::ErrorKind;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, available_parallelism};

use rayon::{ThreadBuilder, ThreadPoolBuilder};

type Places = Arc<Mutex<Receiver<ThreadBuilder>>>;

/// Starts them; where there can be none, the one that asks does it all.
pub fn start() {
    let (give, take) = channel();
    let places: Places = Arc::new(Mutex::new(take));
    let started = (0..wanted()).take_while(|_| begin(places.clone())).count();
    let pool = ThreadPoolBuilder::new().num_threads(started.max(1));
    // There is a pool already only where a test has made one.
    let _ = match started {
        0 => pool.use_current_thread().build_global(),
        _ => pool
            .spawn_handler(move |thread| give.send(thread).map_err(|_| ErrorKind::Other.into()))
            .build_global(),
    };
}

fn wanted() -> usize {
    let said = std::env::var("RAYON_NUM_THREADS").ok();
    let said = said.and_then(|n| n.parse().ok()).filter(|n| *n > 0);
    said.unwrap_or_else(|| available_parallelism().map_or(1, usize::from))
}

/// Starts a thread that waits for a place in the pool; whether it did.
fn begin(places: Places) -> bool {
    let work = move || {
        let place = places.lock().unwrap_or_else(PoisonError::into_inner).recv();
        // There is none when the pool could not be built.
        if let Ok(place) = place {
            place.run();
        }
    };
    Builder::new().spawn(work).is_ok()
}
