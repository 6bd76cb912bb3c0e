//! How the owners of a slot spread over zones, and what that leaves to each zone.

/// The most even spread of a slot's owners over zones of given sizes: each zone gets `level` owners, or one less, or all
/// of its nodes.
#[derive(Debug)]
pub(super) struct Spread {
    /// Number of nodes, by zone
    sizes: Vec<usize>,
    copies: usize,
    /// The most owners that a zone has
    level: usize,
    /// Zones that have `level` owners
    full_zones: usize,
}

impl Spread {
    /// `copies` is at most the number of all nodes.
    pub(super) fn new(sizes: Vec<usize>, copies: usize) -> Self {
        let room = |level: usize| sizes.iter().map(|size| level.min(*size)).sum::<usize>();
        let level = (0..=copies).find(|level| room(*level) >= copies).unwrap_or(copies);
        let full_zones = copies.saturating_sub(room(level.saturating_sub(1)));
        Self {
            sizes,
            copies,
            level,
            full_zones,
        }
    }

    /// Whether a slot that has owners in the zones `held` may have another one in `zone`. Every set of owners that is
    /// made in this way can be completed.
    pub(super) fn allows(&self, held: impl Iterator<Item = usize> + Clone, zone: usize) -> bool {
        let in_zone = |zone| held.clone().filter(|other| *other == zone).count();
        let size = self.sizes.get(zone).copied().unwrap_or_default();
        let (count, below) = (in_zone(zone), self.level.saturating_sub(1));
        if count < below.min(size) {
            return true;
        }
        let taken = (0..self.sizes.len()).filter(|zone| in_zone(*zone) > below).count();
        count == below && size >= self.level && taken < self.full_zones
    }

    /// The part of each zone when a slot's `copies` go to the zones by their size, as far as the spread allows; for one
    /// node of it.
    pub(super) fn shares(&self) -> Vec<f64> {
        let below = self.level.saturating_sub(1);
        let part = |size: usize, each: f64| {
            let (least, most) = (below.min(size) as f64, self.level.min(size) as f64);
            (each * size as f64).clamp(least, most)
        };
        // By halving: the sum grows with what each node would have without a limit.
        let (mut low, mut high) = (0.0, 1.0f64);
        for _ in 0..60 {
            let each = (low + high) / 2.0;
            let sum: f64 = self.sizes.iter().map(|size| part(*size, each)).sum();
            if sum < self.copies as f64 {
                low = each;
            } else {
                high = each;
            }
        }
        self.sizes
            .iter()
            .map(|size| part(*size, high) / (*size).max(1) as f64)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(sizes: &[usize], copies: usize) -> Vec<f64> {
        let shares = Spread::new(sizes.to_vec(), copies).shares();
        shares.iter().map(|share| (share * 1000.0).round() / 1000.0).collect()
    }

    #[test]
    fn zones_share_by_size_within_the_spread() {
        assert_eq!(shares(&[4], 2), [0.5]);
        assert_eq!(shares(&[2, 2], 2), [0.5, 0.5]);
        // The small zone has one owner of each slot, however few its nodes are.
        assert_eq!(shares(&[1, 5], 2), [1.0, 0.2]);
        assert_eq!(shares(&[1, 5], 3), [1.0, 0.4]);
        assert_eq!(shares(&[2, 2, 4], 2), [0.25, 0.25, 0.25]);
        assert_eq!(shares(&[2, 2], 3), [0.75, 0.75]);
        assert!(shares(&[], 0).is_empty());
    }

    #[test]
    fn a_zone_has_a_second_owner_only_when_each_has_one() {
        let spread = Spread::new(vec![2, 2], 3);
        let allows = |held: &[usize], zone| spread.allows(held.iter().copied(), zone);
        assert!(allows(&[], 0) && allows(&[0], 0) && allows(&[0, 0], 1));
        assert!(!allows(&[0, 0, 1], 1) && !allows(&[0, 0], 0));
        let spread = Spread::new(vec![3, 1, 1], 3);
        assert!(!spread.allows([0].into_iter(), 0));
        assert!(spread.allows([0].into_iter(), 2));
    }
}
