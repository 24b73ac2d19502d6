//! The threads that answer the other side: as many as work at once, and those that have nothing to do wait for more, for many
//! questions are short and a thread takes longer to start than to answer them.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// More do not work at once. Of a lane that is over some may still be at work, so this is more than one lane may ask for.
const MOST: usize = 256;
/// Who has nothing to do for so long goes.
const IDLE: Duration = Duration::from_secs(5);

/// What is to be done.
type Work = Box<dyn FnOnce() + Send>;

/// Threads of one connection.
#[derive(Default)]
pub struct Crew {
    state: Mutex<State>,
    bell: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Work>,
    idle: usize,
    /// How much is being done, or waits in the queue.
    busy: usize,
}

impl Crew {
    fn hold(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has something done by a thread that does nothing else meanwhile. Where there can be none, it is dropped.
    ///
    /// # Errors
    /// When too much is being done.
    pub fn give(self: &Arc<Self>, work: Work) -> Result<(), &'static str> {
        let mut state = self.hold();
        if state.busy >= MOST {
            return Err("more is asked at once than can be answered");
        }
        state.busy += 1;
        if state.idle > state.queue.len() {
            state.queue.push_back(work);
            drop(state);
            self.bell.notify_one();
            return Ok(());
        }
        drop(state);
        let crew = self.clone();
        if thread::Builder::new()
            .spawn(move || crew.work(work))
            .is_err()
        {
            self.hold().busy -= 1;
        }
        Ok(())
    }

    fn work(&self, first: Work) {
        let mut next = Some(first);
        while let Some(work) = next {
            work();
            let mut state = self.hold();
            state.busy -= 1;
            state.idle += 1;
            if state.queue.is_empty() {
                let waited = self.bell.wait_timeout(state, IDLE);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
            state.idle -= 1;
            next = state.queue.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{channel, sync_channel};

    #[test]
    fn all_that_is_given_is_done_and_no_more_at_once_than_may_be() {
        let crew = Arc::new(Crew::default());
        let (done, told) = channel();
        // One that waits holds no other up.
        let (go, wait) = sync_channel::<()>(0);
        crew.give(Box::new(move || assert!(wait.recv().is_err())))
            .unwrap();
        for n in 0..1000 {
            let done = done.clone();
            let mut given = Err("");
            while given.is_err() {
                let done = done.clone();
                given = crew.give(Box::new(move || done.send(n).unwrap()));
            }
        }
        let mut all: Vec<i32> = told.iter().take(1000).collect();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..1000));
        drop(go);
        while crew.hold().busy > 0 {
            thread::yield_now();
        }
        let (go, wait) = channel::<()>();
        let wait = Arc::new(Mutex::new(wait));
        for n in 0..=MOST {
            let wait = wait.clone();
            let given = crew.give(Box::new(move || {
                assert!(wait.lock().unwrap().recv().is_err())
            }));
            assert_eq!(given.is_ok(), n < MOST, "{n}");
        }
        drop(go);
    }
}
