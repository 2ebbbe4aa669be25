/** How the pages look in this browser: theme, density of tables, rows on a page. */
import { Icon } from "../../parts/icon";
import { Panel } from "../../parts/page";
import { Segments } from "../../parts/tabs";
import { DENSITIES, density, PAGE_SIZES, pageSize, theme, THEMES } from "../../state/theme";
import { text } from "../../text";

export function Appearance() {
  const words = text.settings;
  return (
    <>
      <Panel title={words.theme}>
        <div class="themes">
          {THEMES.map((name) => (
            <button key={name} type="button" class="theme" data-theme={name} aria-pressed={theme.value === name} onClick={() => { theme.value = name; }}>
              <span class="sample" aria-hidden="true"><i /><i /><i /></span>
              <span>{words.themes[name]}{theme.value === name && <Icon name="check" size={14} />}</span>
            </button>
          ))}
        </div>
      </Panel>
      <Panel title={words.density}>
        <div class="row">
          <Segments label={words.density} value={density.value} options={DENSITIES.map((value) => ({ value, label: words.densities[value] }))} onChange={(value) => { density.value = value; }} />
          <Segments label={text.table.pageSize} value={String(pageSize.value)} options={PAGE_SIZES.map((size) => ({ value: String(size), label: size ? text.table.rowsOf(size) : text.table.allRows }))} onChange={(value) => { pageSize.value = Number(value); }} />
        </div>
      </Panel>
    </>
  );
}
