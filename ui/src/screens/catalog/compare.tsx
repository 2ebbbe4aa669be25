/** Up to four models side by side; the best figure of a row is marked. */
import type { CatalogModel } from "../../api/catalog";
import { Dialog } from "../../parts/dialog";
import { text } from "../../text";
import { columnsOf } from "./columns";

/** Whether less or more is better. */
const BETTER: Record<string, "less" | "more"> = { input: "less", out: "less", cache: "less", hour: "less", ttft: "less", utilization: "less", context: "more", output: "more", tps: "more", instances: "more" };

export function Compare({ models, onClose }: { models: CatalogModel[]; onClose: () => void }) {
  const columns = columnsOf({ picked: new Set(), pick: () => undefined }).filter((column) => column.id !== "name");
  return (
    <Dialog title={text.catalog.compare.title} width="wide" named onClose={onClose}>
      <div class="table-box plain" tabIndex={0} role="region" aria-label={text.catalog.compare.title}>
        <table class="table compare">
          <thead>
            <tr>
              <td />
              {models.map((model) => <th key={model.id} scope="col" title={model.id}>{model.name}</th>)}
            </tr>
          </thead>
          <tbody>
            {columns.map((column) => {
              const best = bestOf(models.map((model) => column.value?.(model)), BETTER[column.id]);
              return (
                <tr key={column.id}>
                  <th scope="row">{column.header}</th>
                  {models.map((model) => <td key={model.id} class={best !== null && column.value?.(model) === best ? "best" : ""}>{column.cell(model)}</td>)}
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </Dialog>
  );
}

/** Null where the models do not differ. */
function bestOf(values: unknown[], better: "less" | "more" | undefined): number | null {
  const known = values.filter((value): value is number => typeof value === "number");
  if (!better || new Set(known).size < 2) return null;
  return better === "less" ? Math.min(...known) : Math.max(...known);
}
