/** The models that the playground offers. */
import type { Model } from "../../api/inference";
import { createContext } from "preact";
import { useContext } from "preact/hooks";

export const Models = createContext<Model[]>([]);

export function useModels(type?: string): Model[] {
  const models = useContext(Models);
  return type ? models.filter((model) => model.type === type) : models;
}
