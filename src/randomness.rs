//! Random number streams. Each purpose and each iteration has a stream of its own, so that switching one part of an
//! optimizer on does not change what the other parts draw.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

/// Returns the random stream of a purpose in an iteration, seeded with a hash of the three arguments.
#[must_use]
pub fn stream(seed: u64, purpose: &str, iteration: u64) -> ChaCha8Rng {
    let mut hasher = Sha256::new();
    hasher.update(seed.to_le_bytes());
    hasher.update(iteration.to_le_bytes());
    hasher.update(purpose.as_bytes());
    ChaCha8Rng::from_seed(hasher.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::stream;
    use rand::Rng;

    #[test]
    fn streams_are_repeatable_and_differ() {
        let first = |seed, purpose, iteration| stream(seed, purpose, iteration).next_u64();
        assert_eq!(first(1, "minibatch", 2), first(1, "minibatch", 2));
        assert_ne!(first(1, "minibatch", 2), first(1, "minibatch", 3));
        assert_ne!(first(1, "minibatch", 2), first(1, "parent", 2));
        assert_ne!(first(1, "minibatch", 2), first(2, "minibatch", 2));
    }
}
