//! A list whose copies share what they have in common.
//!
//! Every change of a roster makes a new roster. In a large cluster something changes with nearly
//! every sample: two days of rosters would fill gigabytes if each were a list of its own.

use std::ops::{Index, IndexMut};
use std::sync::Arc;

/// Items that are copied together when one of them changes.
const CHUNK: usize = 64;

/// A list that is cheap to clone; a change copies the chunk that it is in.
#[derive(Clone, Debug)]
pub(super) struct Shared<T> {
    /// All full but the last, none empty.
    chunks: Vec<Arc<Vec<T>>>,
}

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self { chunks: Vec::new() }
    }
}

impl<T> Shared<T> {
    pub(super) fn len(&self) -> usize {
        let last = self.chunks.last().map_or(0, |chunk| chunk.len());
        self.chunks.len().saturating_sub(1) * CHUNK + last
    }

    pub(super) fn get(&self, place: usize) -> Option<&T> {
        self.chunks.get(place / CHUNK)?.get(place % CHUNK)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }

    /// Items with their places, without those that are known to be the same in `other`.
    pub(super) fn beside<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = (usize, &'a T)> {
        let same = |number: usize, chunk: &Arc<Vec<T>>| {
            other.chunks.get(number).is_some_and(|theirs| Arc::ptr_eq(chunk, theirs))
        };
        let numbered = self.chunks.iter().enumerate();
        let differing = numbered.filter(move |(number, chunk)| !same(*number, chunk));
        differing.flat_map(|(number, chunk)| (number * CHUNK..).zip(chunk.iter()))
    }
}

impl<T: Clone> Shared<T> {
    pub(super) fn get_mut(&mut self, place: usize) -> Option<&mut T> {
        Arc::make_mut(self.chunks.get_mut(place / CHUNK)?).get_mut(place % CHUNK)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.chunks.iter_mut().flat_map(|chunk| Arc::make_mut(chunk).iter_mut())
    }

    pub(super) fn push(&mut self, item: T) {
        match self.chunks.last_mut().filter(|chunk| chunk.len() < CHUNK) {
            Some(chunk) => Arc::make_mut(chunk).push(item),
            None => self.chunks.push(Arc::new(vec![item])),
        }
    }

    pub(super) fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        *self = self.iter().filter(|item| keep(item)).cloned().collect();
    }
}

impl<T> FromIterator<T> for Shared<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut items = items.into_iter();
        let chunk = || Some(items.by_ref().take(CHUNK).collect::<Vec<T>>());
        let chunks = std::iter::from_fn(chunk).take_while(|chunk| !chunk.is_empty());
        Self { chunks: chunks.map(Arc::new).collect() }
    }
}

impl<T: PartialEq> PartialEq for Shared<T> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.beside(other).all(|(i, item)| other.get(i) == Some(item))
    }
}

impl<T> Index<usize> for Shared<T> {
    type Output = T;

    fn index(&self, place: usize) -> &T {
        &self.chunks[place / CHUNK][place % CHUNK]
    }
}

impl<T: Clone> IndexMut<usize> for Shared<T> {
    fn index_mut(&mut self, place: usize) -> &mut T {
        &mut Arc::make_mut(&mut self.chunks[place / CHUNK])[place % CHUNK]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_a_list(items in prop::collection::vec(any::<u8>(), 0..300), at in 0usize..300) {
            let mut list: Shared<u8> = items.iter().copied().collect();
            let before = list.clone();
            let mut model = items.clone();
            prop_assert!(list.iter().eq(model.iter()));
            prop_assert_eq!(list.len(), model.len());
            prop_assert_eq!(list.get(at), model.get(at));
            if at < model.len() {
                list[at] = list[at].wrapping_add(1);
                model[at] = model[at].wrapping_add(1);
                let changed: Vec<(usize, &u8)> = list.beside(&before).collect();
                prop_assert!(changed.contains(&(at, &model[at])));
                prop_assert!(changed.len() <= CHUNK);
                prop_assert!(list != before);
            }
            list.push(7);
            model.push(7);
            list.iter_mut().for_each(|x| *x /= 2);
            model.iter_mut().for_each(|x| *x /= 2);
            list.retain(|x| x % 3 > 0);
            model.retain(|x| x % 3 > 0);
            prop_assert!(list.iter().eq(model.iter()));
            prop_assert!(before.iter().eq(items.iter()), "copies keep what they had");
        }
    }
}
