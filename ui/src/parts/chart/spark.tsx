/** A line the size of a word; the figures beside it carry the meaning. */

export function Spark({ values, width = 104, height = 28 }: { values: (number | null)[]; width?: number; height?: number }) {
  const known = values.map((value) => value ?? 0);
  if (known.length < 2 || values.every((value) => value === null)) return <svg class="spark" width={width} height={height} aria-hidden="true" />;
  const max = Math.max(...known, 1e-12);
  const points = known.map((value, n) => {
    const x = (n / (known.length - 1)) * (width - 2) + 1;
    return `${x.toFixed(1)},${(height - 2 - (value / max) * (height - 5)).toFixed(1)}`;
  });
  return (
    <svg class="spark" width={width} height={height} viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true">
      <path class="area" d={`M1,${height - 1} L${points.join(" L")} L${width - 1},${height - 1}Z`} />
      <path class="line" d={`M${points.join(" L")}`} />
    </svg>
  );
}
