//! The order in which endpoints take turns.

/// The weights of a round are scaled down so that it has about this many turns at most.
const MAX_TURNS: u32 = 1000;

/// Returns one round of turns, as indices of endpoints. `weights` has a weight for each endpoint; `None` is plain rotation.
///
/// With weights, each endpoint gets turns in proportion to its weight, spread over the round. An endpoint with weight 0 or less
/// gets no turn, unless all endpoints have such a weight (`docs/reference/wire.md#11.5`).
pub(super) fn plan_round(count: usize, weights: Option<&[i32]>) -> Vec<usize> {
    let plain = || (0..count).collect();
    let Some(weights) = weights else { return plain() };
    let weights: Vec<u32> = weights.iter().map(|weight| u32::try_from(*weight).unwrap_or(0).min(MAX_TURNS)).collect();
    let total: u32 = weights.iter().sum();
    if total == 0 {
        return plain();
    }
    let divisor = weights.iter().copied().fold(0, greatest_common_divisor).max(total.div_ceil(MAX_TURNS));
    let weights: Vec<i64> = weights.iter().map(|weight| i64::from(weight.div_ceil(divisor))).collect();
    let total: i64 = weights.iter().sum();
    // Smooth weighted round robin: in each step every endpoint gains its weight as credit; then the one with the most credit
    // takes the turn and pays the sum of all weights.
    let mut credit = vec![0_i64; count];
    let mut turns = Vec::new();
    for _ in 0..total {
        for (credit, weight) in credit.iter_mut().zip(&weights) {
            *credit += weight;
        }
        let Some(richest) = (0..count).filter(|index| weights[*index] > 0).max_by_key(|index| credit[*index]) else { break };
        credit[richest] -= total;
        turns.push(richest);
    }
    turns
}

fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_follow_the_weights() {
        assert_eq!(plan_round(3, None), [0, 1, 2]);
        assert_eq!(plan_round(2, Some(&[0, -1])), [0, 1]);
        assert_eq!(plan_round(0, None), [0; 0]);
        for (weights, expected) in
            [(vec![100, 100], vec![1, 1]), (vec![80, 20], vec![4, 1]), (vec![1, 0, 2], vec![1, 0, 2]), (vec![7, -5], vec![1, 0])]
        {
            let turns = plan_round(weights.len(), Some(&weights));
            let counts: Vec<usize> =
                (0..weights.len()).map(|index| turns.iter().filter(|turn| **turn == index).count()).collect();
            assert_eq!(counts, expected, "{weights:?}");
        }
    }

    #[test]
    fn huge_weights_make_a_round_of_bounded_length() {
        let weights = vec![i32::MAX; 3000];
        assert!(plan_round(weights.len(), Some(&weights)).len() <= 3000);
        assert!(plan_round(2, Some(&[i32::MAX, 1])).len() <= 1001);
    }
}
