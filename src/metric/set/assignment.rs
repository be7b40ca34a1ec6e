//! The best way to match the items of two lists.

/// Returns pairs of a row and a column whose similarities have the largest sum. No row and no column is in two pairs, and pairs
/// without similarity are left out. All rows of `similarities` have the same length; a similarity is in [0, 1].
///
/// It is the Hungarian method with potentials (Kuhn 1955, Munkres 1957), in time of rows² × columns.
pub(super) fn best_pairs(similarities: &[Vec<f64>]) -> Vec<(usize, usize)> {
    let (rows, columns) = (similarities.len(), similarities.first().map_or(0, Vec::len));
    if rows > columns {
        let turned: Vec<Vec<f64>> = (0..columns).map(|column| similarities.iter().map(|row| row[column]).collect()).collect();
        return best_pairs(&turned).into_iter().map(|(column, row)| (row, column)).collect();
    }
    // Rows and columns are counted from 1; 0 stands for none. `row_of[column]` is the row that is matched with the column.
    let (mut row_potential, mut column_potential) = (vec![0.0; rows + 1], vec![0.0; columns + 1]);
    let mut row_of = vec![0; columns + 1];
    for row in 1..=rows {
        row_of[0] = row;
        let mut current = 0;
        let (mut least, mut way, mut used) = (vec![f64::INFINITY; columns + 1], vec![0; columns + 1], vec![false; columns + 1]);
        while row_of[current] != 0 {
            used[current] = true;
            let (of, mut step, mut next) = (row_of[current], f64::INFINITY, 0);
            for column in (1..=columns).filter(|column| !used[*column]) {
                let cost = 1.0 - similarities[of - 1][column - 1] - row_potential[of] - column_potential[column];
                if cost < least[column] {
                    (least[column], way[column]) = (cost, current);
                }
                if least[column] < step {
                    (step, next) = (least[column], column);
                }
            }
            for column in 0..=columns {
                if used[column] {
                    row_potential[row_of[column]] += step;
                    column_potential[column] -= step;
                } else {
                    least[column] -= step;
                }
            }
            current = next;
        }
        while current != 0 {
            row_of[current] = row_of[way[current]];
            current = way[current];
        }
    }
    let pairs = (1..=columns).filter(|column| row_of[*column] != 0).map(|column| (row_of[column] - 1, column - 1));
    let mut pairs: Vec<(usize, usize)> = pairs.filter(|(row, column)| similarities[*row][*column] > 0.0).collect();
    pairs.sort_unstable();
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sum(similarities: &[Vec<f64>]) -> f64 {
        best_pairs(similarities).iter().map(|(row, column)| similarities[*row][*column]).sum()
    }

    #[test]
    fn the_largest_sum_is_found() {
        assert_eq!(best_pairs(&[vec![0.5, 0.5], vec![0.5, 0.0]]), [(0, 1), (1, 0)]);
        assert_eq!(best_pairs(&[vec![0.2], vec![0.9]]), [(1, 0)]);
        assert_eq!(best_pairs(&[vec![0.0, 0.0]]), []);
        assert_eq!(best_pairs(&[]), []);
    }

    /// The largest sum by trying all ways.
    fn tried(similarities: &[Vec<f64>], used: &mut Vec<usize>) -> f64 {
        let Some((first, rest)) = similarities.split_first() else { return 0.0 };
        let mut best = tried(rest, used);
        for (column, similarity) in first.iter().enumerate() {
            if !used.contains(&column) {
                used.push(column);
                best = best.max(similarity + tried(rest, used));
                used.pop();
            }
        }
        best
    }

    proptest! {
        #[test]
        fn no_other_way_has_a_larger_sum(rows in 1..5_usize, columns in 1..5_usize, tenths in prop::collection::vec(0..=10_u8, 16)) {
            let matrix: Vec<Vec<f64>> = (0..rows)
                .map(|row| (0..columns).map(|column| f64::from(tenths[row * 4 + column]) / 10.0).collect())
                .collect();
            prop_assert!((sum(&matrix) - tried(&matrix, &mut Vec::new())).abs() < 1e-9);
        }
    }
}
