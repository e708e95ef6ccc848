//! Amounts as Kubernetes writes them, such as `500m` and `1Gi`.

/// The value of a Kubernetes quantity in units of 10⁻⁹; `None` if the text is not a quantity or the value does not fit.
pub fn parse_quantity(text: &str) -> Option<i128> {
    let end = text.find(|c: char| !matches!(c, '0'..='9' | '.' | '+' | '-')).unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let negative = number.starts_with('-');
    let number = number.trim_start_matches(['+', '-']);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let fraction = fraction.get(..fraction.len().min(9))?;
    let digits: i128 = format!("{whole}{fraction:0<9}").parse().ok()?;
    let value = match suffix {
        "n" => digits / 1_000_000_000,
        "u" => digits / 1_000_000,
        "m" => digits / 1_000,
        "" => digits,
        "k" => digits.checked_mul(1_000)?,
        "M" => digits.checked_mul(1_000_000)?,
        "G" => digits.checked_mul(1_000_000_000)?,
        "T" => digits.checked_mul(1_000_000_000_000)?,
        "P" => digits.checked_mul(1_000_000_000_000_000)?,
        "E" => digits.checked_mul(1_000_000_000_000_000_000)?,
        "Ki" => digits.checked_mul(1 << 10)?,
        "Mi" => digits.checked_mul(1 << 20)?,
        "Gi" => digits.checked_mul(1 << 30)?,
        "Ti" => digits.checked_mul(1 << 40)?,
        "Pi" => digits.checked_mul(1 << 50)?,
        "Ei" => digits.checked_mul(1 << 60)?,
        exponent => {
            let power: i32 = exponent.strip_prefix(['e', 'E'])?.parse().ok()?;
            let scale = 10_i128.checked_pow(power.unsigned_abs())?;
            if power < 0 { digits / scale } else { digits.checked_mul(scale)? }
        }
    };
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_of_every_notation_have_a_value() {
        for (left, right) in
            [("1", "1000m"), ("1e3", "1k"), ("2.5Gi", "2560Mi"), ("1G", "1000M"), ("-1", "-1000m"), ("100n", "0.0000001")]
        {
            assert_eq!(parse_quantity(left), parse_quantity(right), "{left} {right}");
            assert!(parse_quantity(left).is_some(), "{left}");
        }
        for bad in ["", "x", "1x", "1e", ".", "99999999999999999999999999999999999999999"] {
            assert_eq!(parse_quantity(bad), None, "{bad}");
        }
    }
}
